"""What the command line and pytest call: a live run, a recording, the doctor, the test of the suite itself."""
