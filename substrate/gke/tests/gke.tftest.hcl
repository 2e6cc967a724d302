# What must stay true of the plan, with no cloud: the provider's answers are made up, its schema is
# that of substrate/tests/provider-google.

mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
  mock_resource "google_service_account" {
    defaults = {
      email  = "llm-nodes@example-project.iam.gserviceaccount.com"
      member = "serviceAccount:llm-nodes@example-project.iam.gserviceaccount.com"
    }
  }
}

variables {
  project             = "example-project"
  region              = "europe-west4"
  zones               = ["europe-west4-a", "europe-west4-b"]
  name                = "llm"
  authorised_networks = { office = "203.0.113.0/29" }
  secrets             = ["dex", "n8n"]
  dns                 = { domain = "llm.example.com", zone = "llm" }
  backup_writers      = ["n8n/backup"]
}

run "cluster" {
  command = apply

  assert {
    condition     = google_container_cluster.this.private_cluster_config[0].enable_private_nodes
    error_message = "google_container_cluster.this.private_cluster_config.enable_private_nodes: nodes have no public address"
  }
  assert {
    condition     = google_container_cluster.this.gateway_api_config[0].channel == "CHANNEL_DISABLED"
    error_message = "google_container_cluster.this.gateway_api_config.channel: Git owns the Gateway API's CRDs"
  }
  assert {
    condition     = google_container_cluster.this.datapath_provider == "ADVANCED_DATAPATH"
    error_message = "google_container_cluster.this.datapath_provider: network policies must be enforced"
  }
  assert {
    condition     = google_container_cluster.this.in_transit_encryption_config == "IN_TRANSIT_ENCRYPTION_INTER_NODE_TRANSPARENT"
    error_message = "google_container_cluster.this.in_transit_encryption_config: keys are plain HTTP inside the cluster"
  }
  assert {
    condition     = google_container_cluster.this.deletion_protection
    error_message = "google_container_cluster.this.deletion_protection: on unless asked for"
  }
  assert {
    condition     = google_container_cluster.this.workload_identity_config[0].workload_pool == "example-project.svc.id.goog"
    error_message = "google_container_cluster.this.workload_identity_config.workload_pool: pods have identities of their own"
  }
  assert {
    condition = [
      for block in google_container_cluster.this.master_authorized_networks_config[0].cidr_blocks : block.cidr_block
    ] == ["203.0.113.0/29"]
    error_message = "google_container_cluster.this.master_authorized_networks_config: exactly authorised_networks"
  }
  assert {
    condition     = !google_container_cluster.this.master_authorized_networks_config[0].gcp_public_cidrs_access_enabled
    error_message = "google_container_cluster.this.master_authorized_networks_config.gcp_public_cidrs_access_enabled: any VM of the cloud could knock"
  }
  assert {
    condition     = google_container_cluster.this.min_master_version == "1.35"
    error_message = "google_container_cluster.this.min_master_version: 1.35 by default"
  }
  assert {
    condition     = google_container_cluster.this.location == "europe-west4"
    error_message = "google_container_cluster.this.location: two zones make it regional"
  }
}

run "nodes" {
  command = apply

  assert {
    condition     = google_container_node_pool.gpu.autoscaling[0].total_min_node_count == 0 && google_container_node_pool.gpu.initial_node_count == 0
    error_message = "google_container_node_pool.gpu.autoscaling.total_min_node_count: no GPU is paid for while no pod asks"
  }
  assert {
    condition     = !google_container_node_pool.gpu.node_config[0].spot
    error_message = "google_container_node_pool.gpu.node_config.spot: off by default"
  }
  assert {
    condition     = google_container_node_pool.gpu.node_config[0].guest_accelerator[0].type == "nvidia-l4" && google_container_node_pool.gpu.node_config[0].guest_accelerator[0].gpu_driver_installation_config[0].gpu_driver_version == "DEFAULT"
    error_message = "google_container_node_pool.gpu.node_config.guest_accelerator: an L4 with GKE's driver"
  }
  assert {
    condition     = one(google_container_node_pool.gpu.node_config[0].taint).key == "nvidia.com/gpu" && one(google_container_node_pool.gpu.node_config[0].taint).effect == "NO_SCHEDULE"
    error_message = "google_container_node_pool.gpu.node_config.taint: only pods that ask for a GPU"
  }
  assert {
    condition     = alltrue([for pool in [google_container_node_pool.cpu, google_container_node_pool.gpu] : pool.node_config[0].workload_metadata_config[0].mode == "GKE_METADATA"])
    error_message = "google_container_node_pool.*.node_config.workload_metadata_config.mode: pods must not get the node's identity"
  }
  assert {
    condition     = google_container_node_pool.gpu.node_config[0].gcfs_config[0].enabled
    error_message = "google_container_node_pool.gpu.node_config.gcfs_config.enabled: image streaming"
  }
  assert {
    condition     = google_container_node_pool.cpu.autoscaling[0].total_min_node_count >= 1
    error_message = "google_container_node_pool.cpu.autoscaling.total_min_node_count: at least one"
  }
  assert {
    condition     = !contains([for member in google_project_iam_member.nodes : member.role], "roles/editor")
    error_message = "google_project_iam_member.nodes.role: the few roles of a node"
  }
}

run "firewall_is_the_file" {
  command = apply

  assert {
    condition     = toset(one(google_compute_firewall.webhooks.allow).ports) == toset([for w in jsondecode(file("../webhook-ports.json")) : tostring(w.port)])
    error_message = "google_compute_firewall.webhooks.allow.ports: exactly those of substrate/webhook-ports.json"
  }
  assert {
    condition     = google_compute_firewall.webhooks.source_ranges == toset(["172.16.0.0/28"])
    error_message = "google_compute_firewall.webhooks.source_ranges: the control plane and nobody else"
  }
  assert {
    condition     = length(google_compute_firewall.webhooks.target_service_accounts) == 1
    error_message = "google_compute_firewall.webhooks.target_service_accounts: the nodes only"
  }
}

run "identities" {
  command = apply

  assert {
    condition     = alltrue([for m in google_secret_manager_secret_iam_member.external_secrets : m.role == "roles/secretmanager.secretAccessor" && endswith(m.member, "/123456789012/locations/global/workloadIdentityPools/example-project.svc.id.goog/subject/ns/external-secrets/sa/external-secrets")])
    error_message = "google_secret_manager_secret_iam_member.external_secrets: its own service account, each secret by itself"
  }
  assert {
    condition     = keys(google_secret_manager_secret_iam_member.external_secrets) == ["dex", "n8n"]
    error_message = "google_secret_manager_secret_iam_member.external_secrets: one for each secret"
  }
  assert {
    condition     = !contains(google_project_iam_custom_role.dns_records[0].permissions, "dns.managedZones.delete") && google_project_iam_custom_role.dns_list[0].permissions == toset(["dns.managedZones.list"])
    error_message = "google_project_iam_custom_role.*.permissions: records of one zone, and the zones' names"
  }
  assert {
    condition     = keys(google_dns_managed_zone_iam_member.records) == ["cert-manager", "external-dns"]
    error_message = "google_dns_managed_zone_iam_member.records: cert-manager and external-dns"
  }
}

run "backups_are_kept_and_private" {
  command = apply

  assert {
    condition     = module.backup_bucket.bucket.public_access_prevention == "enforced"
    error_message = "module.backup_bucket.bucket.public_access_prevention: no grant can open it to the Internet"
  }
  assert {
    condition     = module.backup_bucket.bucket.uniform_bucket_level_access
    error_message = "module.backup_bucket.bucket.uniform_bucket_level_access: no object is open by an access list of its own"
  }
  assert {
    condition     = module.backup_bucket.bucket.versioning[0].enabled
    error_message = "module.backup_bucket.bucket.versioning: a backup that was overwritten can be brought back"
  }
  assert {
    condition     = !module.backup_bucket.bucket.force_destroy
    error_message = "module.backup_bucket.bucket.force_destroy: one with a backup in it is not destroyed"
  }
  assert {
    condition     = module.backup_bucket.bucket.soft_delete_policy[0].retention_duration_seconds == 30 * 24 * 60 * 60
    error_message = "module.backup_bucket.bucket.soft_delete_policy: what is deleted can be brought back for backup_retention_days"
  }
  assert {
    condition     = length(module.backup_bucket.bucket.retention_policy) == 0
    error_message = "module.backup_bucket.bucket.retention_policy: it would exclude versions"
  }
  assert {
    condition     = one(one(module.backup_bucket.bucket.lifecycle_rule).action).type == "Delete" && one(one(module.backup_bucket.bucket.lifecycle_rule).condition).with_state == "ARCHIVED" && one(one(module.backup_bucket.bucket.lifecycle_rule).condition).days_since_noncurrent_time == 30
    error_message = "module.backup_bucket.bucket.lifecycle_rule: deleted is what was replaced backup_retention_days ago, and nothing else"
  }
  assert {
    condition     = [for m in google_storage_bucket_iam_member.backup_writers : m.role == "roles/storage.objectUser" && endswith(m.member, "/ns/n8n/sa/backup")] == [true]
    error_message = "google_storage_bucket_iam_member.backup_writers: exactly backup_writers, and objects only"
  }
}

run "without_dns" {
  command = apply
  variables {
    dns = null
  }

  assert {
    condition     = output.dns_zone == null && length(google_dns_managed_zone_iam_member.records) == 0 && length(google_project_iam_member.dns_list) == 0
    error_message = "dns = null: no zone, no role"
  }
}

run "an_existing_zone" {
  command = apply
  variables {
    dns = { domain = "llm.example.com", zone = "shared", create = false }
  }

  assert {
    condition     = length(google_dns_managed_zone.this) == 0 && output.dns_zone == "shared"
    error_message = "dns.create = false: the zone is read"
  }
}

run "private_endpoint_and_one_zone" {
  command = apply
  variables {
    private_endpoint = true
    zones            = ["europe-west4-a"]
    gpu_pool         = { spot = true, max = 2, per_node = 2 }
  }

  assert {
    condition     = google_container_cluster.this.private_cluster_config[0].enable_private_endpoint && google_container_cluster.this.location == "europe-west4-a"
    error_message = "private_endpoint, zones: taken over"
  }
  assert {
    condition     = google_container_node_pool.gpu.node_config[0].spot && output.gpu_quota == 4
    error_message = "gpu_pool.spot, output.gpu_quota: taken over"
  }
  assert {
    condition     = output.gpu_node_labels["tollgate.dev/pool"] == "gpu" && output.gpu_node_labels["cloud.google.com/gke-accelerator"] == "nvidia-l4"
    error_message = "output.gpu_node_labels: what the nodes have"
  }
}

run "refuses_an_open_control_plane" {
  command = plan
  variables {
    authorised_networks = { everyone = "0.0.0.0/0" }
  }
  expect_failures = [var.authorised_networks]
}

run "refuses_half_the_internet" {
  command = plan
  variables {
    authorised_networks = { low = "0.0.0.0/1", high = "128.0.0.0/1" }
  }
  expect_failures = [var.authorised_networks]
}

run "refuses_an_old_kubernetes" {
  command = plan
  variables {
    kubernetes_version = "1.34.9"
  }
  expect_failures = [var.kubernetes_version]
}

run "refuses_a_version_that_is_none" {
  command = plan
  variables {
    kubernetes_version = "latest"
  }
  expect_failures = [var.kubernetes_version]
}

run "refuses_a_zone_elsewhere" {
  command = plan
  variables {
    zones = ["us-central1-a"]
  }
  expect_failures = [var.zones]
}

run "refuses_the_operators_driver" {
  command = plan
  variables {
    gpu_pool = { driver = "INSTALLATION_DISABLED" }
  }
  expect_failures = [var.gpu_pool]
}

run "refuses_a_placeholder" {
  command = plan
  variables {
    project = "CHANGE-ME"
  }
  expect_failures = [var.project]
}

run "a_key_for_secrets" {
  command = apply

  variables {
    secrets_key = "projects/example-project/locations/europe-west4/keyRings/llm/cryptoKeys/secrets"
  }

  assert {
    condition     = one(google_container_cluster.this.database_encryption).key_name == var.secrets_key
    error_message = "google_container_cluster.this.database_encryption: Secrets are encrypted by secrets_key"
  }
}
