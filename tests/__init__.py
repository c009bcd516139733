"""Tests by area, each named by the behaviour that it holds."""
