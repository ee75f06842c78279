"""Views: what people may have made of a picture, derived from an upload to be checked and never shared."""
