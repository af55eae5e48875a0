"""Every method, every metric and the cost on the same photographs: `retina-xai compare`."""
