"""Review by people: what they are asked about traces, and queues of traces that wait for them."""
