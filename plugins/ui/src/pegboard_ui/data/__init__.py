"""What the pages show, as endpoints below ``/api/pegboard/1.0/`` that scripts may use as well."""
