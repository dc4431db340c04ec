"""The HTTP side: routes, answers, the listening socket and the server on it."""
