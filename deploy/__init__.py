"""What it takes to run Sealgate somewhere: broker artefacts, images, manifests, samples."""
