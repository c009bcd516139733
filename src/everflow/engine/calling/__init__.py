"""How the function of a node is called, in whatever place it is run."""
