locals {
  dns_users = {
    cert-manager = "${local.workload}/ns/cert-manager/sa/cert-manager"
    external-dns = "${local.workload}/ns/external-dns/sa/external-dns"
  }
}

resource "google_dns_managed_zone" "this" {
  count = try(var.dns.create, false) ? 1 : 0

  name     = var.dns.zone
  project  = var.project
  dns_name = "${var.dns.domain}."
  labels   = local.labels

  dnssec_config {
    state = "on"
  }

  depends_on = [google_project_service.this]
}

data "google_dns_managed_zone" "this" {
  count = var.dns != null && !try(var.dns.create, false) ? 1 : 0

  name    = var.dns.zone
  project = var.project
}

locals {
  zone = one(concat(google_dns_managed_zone.this[*].name, data.google_dns_managed_zone.this[*].name))
}

# Records of the one zone: less than roles/dns.admin, which may also delete the zone.
resource "google_project_iam_custom_role" "dns_records" {
  count = var.dns != null ? 1 : 0

  role_id = "${replace(var.name, "-", "_")}_dns_records"
  project = var.project
  title   = "Records of ${var.name}'s zone"
  permissions = [
    "dns.changes.create", "dns.changes.get", "dns.changes.list",
    "dns.managedZones.get",
    "dns.resourceRecordSets.create", "dns.resourceRecordSets.delete", "dns.resourceRecordSets.get",
    "dns.resourceRecordSets.list", "dns.resourceRecordSets.update",
  ]
}

resource "google_dns_managed_zone_iam_member" "records" {
  for_each = var.dns != null ? local.dns_users : {}

  project      = var.project
  managed_zone = local.zone
  role         = google_project_iam_custom_role.dns_records[0].name
  member       = each.value

  depends_on = [google_container_cluster.this]
}

# Both look their zone up by listing the project's: a permission that no single zone can give. It
# shows names and nothing else.
resource "google_project_iam_custom_role" "dns_list" {
  count = var.dns != null ? 1 : 0

  role_id     = "${replace(var.name, "-", "_")}_dns_list"
  project     = var.project
  title       = "Names of the DNS zones, for ${var.name}"
  permissions = ["dns.managedZones.list"]
}

resource "google_project_iam_member" "dns_list" {
  for_each = var.dns != null ? local.dns_users : {}

  project = var.project
  role    = google_project_iam_custom_role.dns_list[0].name
  member  = each.value

  depends_on = [google_container_cluster.this]
}
