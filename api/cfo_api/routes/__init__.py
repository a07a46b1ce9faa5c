"""The routes, with one module for each kind of resource."""
