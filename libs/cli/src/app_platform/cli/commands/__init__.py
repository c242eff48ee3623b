"""The commands: options in, lines out. What they work out is in the modules beside this folder."""
