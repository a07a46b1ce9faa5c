"""Runs: how a message is accepted, worked on in its turn, and told to whoever looks."""
