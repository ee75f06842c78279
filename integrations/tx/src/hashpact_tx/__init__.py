"""The entries of a Hashpact clearinghouse as an exchange of python-threatexchange (`tx`) and HMA."""
