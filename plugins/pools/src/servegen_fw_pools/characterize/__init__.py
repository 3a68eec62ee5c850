"""What a log or a pool tells about its workload: arrivals, lengths, clients, modality, reasoning, conversations."""
