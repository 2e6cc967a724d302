"""The platform's manifests, read as Argo CD reads them: a cluster's values, its images, what its edge is
told, and every object that all of that comes to."""
