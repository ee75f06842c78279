"""Commands of a platform: what a member runs on its own machine."""
