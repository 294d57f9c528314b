"""The ASGI layers around the app."""
