"""A quarter played with a simulated clock: the statements of a code of conduct."""
