"""What the user chose: a file, the environment, the command line."""
