# Containers only. A version here would put its value into the state.
resource "google_secret_manager_secret" "this" {
  for_each = var.secrets

  secret_id           = "${var.name}-${each.key}"
  project             = var.project
  labels              = local.labels
  deletion_protection = var.deletion_protection

  replication {
    auto {}
  }

  depends_on = [google_project_service.this]
}

# External Secrets may read these and no other secret of the project.
resource "google_secret_manager_secret_iam_member" "external_secrets" {
  for_each = google_secret_manager_secret.this

  project   = var.project
  secret_id = each.value.secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = "${local.workload}/ns/external-secrets/sa/external-secrets"

  depends_on = [google_container_cluster.this] # the workload pool exists from then on
}
