"""The commands, a file each or a file for those that belong together."""
