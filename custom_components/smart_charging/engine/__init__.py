"""The site energy manager itself: everything below runs without Home Assistant."""
