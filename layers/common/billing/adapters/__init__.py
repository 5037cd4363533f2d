"""The only home of vendor SDKs: each module makes one port of use_cases.ports real."""
