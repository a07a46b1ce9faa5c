"""The widgets of cfo_kernel."""
