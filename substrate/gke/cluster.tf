resource "google_container_cluster" "this" {
  name                = var.name
  project             = var.project
  location            = length(var.zones) > 1 ? var.region : var.zones[0]
  node_locations      = length(var.zones) > 1 ? var.zones : null
  deletion_protection = var.deletion_protection
  resource_labels     = local.labels

  min_master_version = var.kubernetes_version
  release_channel {
    channel = var.release_channel
  }

  maintenance_policy {
    daily_maintenance_window {
      start_time = var.maintenance_start
    }
  }

  # Our own pools replace the one that GKE insists on at creation; it lives for minutes.
  remove_default_node_pool = true
  initial_node_count       = 1
  node_config {
    service_account = google_service_account.nodes.email
    oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]
  }

  network           = google_compute_network.this.id
  subnetwork        = google_compute_subnetwork.nodes.id
  networking_mode   = "VPC_NATIVE"
  datapath_provider = "ADVANCED_DATAPATH" # Dataplane V2: it enforces NetworkPolicy by itself

  # Virtual keys and the model servers' key are plain HTTP inside the cluster.
  in_transit_encryption_config = var.encrypt_node_traffic ? "IN_TRANSIT_ENCRYPTION_INTER_NODE_TRANSPARENT" : "IN_TRANSIT_ENCRYPTION_DISABLED"

  # Google encrypts what lies in etcd; with a key of one's own, Secrets are encrypted by that before.
  dynamic "database_encryption" {
    for_each = var.secrets_key[*]
    content {
      state    = "ENCRYPTED"
      key_name = database_encryption.value
    }
  }

  ip_allocation_policy {
    cluster_secondary_range_name  = "pods"
    services_secondary_range_name = "services"
  }

  private_cluster_config {
    enable_private_nodes    = true
    enable_private_endpoint = var.private_endpoint
    master_ipv4_cidr_block  = var.network.control_plane
  }

  # Present even when it names nobody: without the block everyone may try.
  master_authorized_networks_config {
    gcp_public_cidrs_access_enabled = false

    dynamic "cidr_blocks" {
      for_each = var.authorised_networks
      content {
        display_name = cidr_blocks.key
        cidr_block   = cidr_blocks.value
      }
    }
  }

  # Git installs the Gateway API's CRDs; GKE's controller would be their second owner.
  gateway_api_config {
    channel = "CHANNEL_DISABLED"
  }

  workload_identity_config {
    workload_pool = local.workload_pool
  }

  logging_config {
    enable_components = ["SYSTEM_COMPONENTS", "WORKLOADS"]
  }

  # GKE's own DCGM exporter; a second one would collide with it. It comes with managed Prometheus.
  monitoring_config {
    enable_components = ["SYSTEM_COMPONENTS", "DCGM"]
    managed_prometheus {
      enabled = true
    }
  }

  lifecycle {
    # Only the pool that is removed has these.
    ignore_changes = [initial_node_count, node_config]
  }

  depends_on = [google_project_service.this, google_project_iam_member.nodes]
}
