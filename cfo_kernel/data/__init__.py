"""The data room: what a workspace's files hold, and how it is asked."""
