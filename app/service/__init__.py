"""The REST service and its page: `peptrm serve`."""
