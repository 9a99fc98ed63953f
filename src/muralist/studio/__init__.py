"""The studio: a page and an API behind which one process paints what several people ask for."""
