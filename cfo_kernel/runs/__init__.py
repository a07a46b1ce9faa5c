"""Runs: accepting messages, executing them in order, and publishing their events."""
