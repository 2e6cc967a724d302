module "backup_bucket" {
  source = "./modules/bucket"

  name           = "${var.project}-${var.name}-backup"
  project        = var.project
  location       = var.region
  retention_days = var.backup_retention_days
  labels         = local.labels

  depends_on = [google_project_service.this]
}

resource "google_storage_bucket_iam_member" "backup_writers" {
  for_each = { for writer in var.backup_writers : writer => split("/", writer) }

  bucket = module.backup_bucket.bucket.name
  role   = "roles/storage.objectUser"
  member = "${local.workload}/ns/${each.value[0]}/sa/${each.value[1]}"

  depends_on = [google_container_cluster.this]
}
