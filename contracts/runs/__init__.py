"""What the command line and pytest call: a live run, a load, a recording, the doctor, the test of the suite itself."""
