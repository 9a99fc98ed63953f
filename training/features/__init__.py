"""Trains the feature space of `muralist bench` on drawn pictures, true and spoilt."""
