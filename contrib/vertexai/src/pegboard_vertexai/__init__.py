"""Language models on Google Cloud's Vertex AI."""
