"""Is the workload what it claims, and was it sent? Target, generated and sent side by side, with tolerances from sample sizes."""
