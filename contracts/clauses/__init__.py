"""What the suite holds a server to: one file a family, one function a clause."""
