"""One module per version of the portal's schema."""
