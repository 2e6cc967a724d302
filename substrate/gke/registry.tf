# Images of our own: the module and, if built, modelcars. A tag once pushed means the same for ever.
resource "google_artifact_registry_repository" "this" {
  repository_id = var.name
  project       = var.project
  location      = var.region
  format        = "DOCKER"
  labels        = local.labels

  docker_config {
    immutable_tags = true
  }

  depends_on = [google_project_service.this]
}

resource "google_artifact_registry_repository_iam_member" "nodes" {
  project    = var.project
  location   = google_artifact_registry_repository.this.location
  repository = google_artifact_registry_repository.this.name
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.nodes.member
}
