"""What follows from the statements of the code of conduct: clocks, states of notices, appeals and replies.

Everything here is a pure function of a view of the state and a moment. Nothing of it is stored.
"""
