"""The directory of a clearinghouse: founding it, opening it, backing it up, enrolling members."""
