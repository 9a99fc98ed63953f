"""Trains the embedded model `shapes` from nothing: autoencoder, latents, text encoders and UNet."""
