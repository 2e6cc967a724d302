data "google_project" "this" {
  project_id = var.project
}

# What the rest needs switched on. Never off again by us: other things in the project may use it.
resource "google_project_service" "this" {
  for_each = toset([
    "artifactregistry", "compute", "container", "dns", "iam", "iamcredentials", "secretmanager", "storage",
  ])

  project            = var.project
  service            = "${each.key}.googleapis.com"
  disable_on_destroy = false
}

locals {
  labels = { "managed-by" = "opentofu", "cluster" = var.name }

  # Direct workload identity: a Kubernetes service account is itself the member of a role. There is
  # no Google service account in between, so nothing to impersonate, to annotate or to forget.
  workload_pool = "${var.project}.svc.id.goog"
  workload      = "principal://iam.googleapis.com/projects/${data.google_project.this.number}/locations/global/workloadIdentityPools/${local.workload_pool}/subject"
}
