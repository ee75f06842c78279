"""Hashpact: a clearinghouse where platforms share fingerprints of content they have removed."""
