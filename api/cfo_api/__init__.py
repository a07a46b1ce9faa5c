"""The HTTP front end of cfo_kernel."""
