"""One file per use case; each depends on the domain and on the Protocols in ports.py and *_ports.py."""
