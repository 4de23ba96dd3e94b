"""Lines to nodes. A line is how the harness runs commands and moves files; breaking one is never a finding."""
