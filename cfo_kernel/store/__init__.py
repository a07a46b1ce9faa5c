"""The store: which workspaces and threads there are, their folders, and the messages of each thread."""
