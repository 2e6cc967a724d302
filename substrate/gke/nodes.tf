resource "google_service_account" "nodes" {
  account_id   = "${var.name}-nodes"
  project      = var.project
  display_name = "Nodes of ${var.name}"

  depends_on = [google_project_service.this]
}

# What a kubelet and GKE's agents need. Pods get none of it: they see the metadata server's answer
# for their own Kubernetes service account.
resource "google_project_iam_member" "nodes" {
  for_each = toset([
    "logging.logWriter", "monitoring.metricWriter", "monitoring.viewer", "stackdriver.resourceMetadata.writer",
  ])

  project = var.project
  role    = "roles/${each.key}"
  member  = google_service_account.nodes.member
}

resource "google_container_node_pool" "cpu" {
  name               = "cpu"
  project            = var.project
  cluster            = google_container_cluster.this.id
  initial_node_count = 1

  autoscaling {
    total_min_node_count = var.cpu_pool.min
    total_max_node_count = var.cpu_pool.max
    location_policy      = "BALANCED"
  }

  management {
    auto_repair  = true
    auto_upgrade = true
  }

  upgrade_settings {
    max_surge       = 1
    max_unavailable = 0
  }

  node_config {
    machine_type    = var.cpu_pool.machine_type
    disk_size_gb    = var.cpu_pool.disk_gb
    disk_type       = "pd-balanced"
    image_type      = "COS_CONTAINERD"
    service_account = google_service_account.nodes.email
    oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]
    labels          = { "tollgate.dev/pool" = "cpu" }
    metadata        = { "disable-legacy-endpoints" = "true" }

    workload_metadata_config {
      mode = "GKE_METADATA"
    }

    gcfs_config {
      enabled = true
    }

    shielded_instance_config {
      enable_secure_boot          = true
      enable_integrity_monitoring = true
    }
  }

  lifecycle {
    ignore_changes = [initial_node_count]
  }
}

resource "google_container_node_pool" "gpu" {
  name               = "gpu"
  project            = var.project
  cluster            = google_container_cluster.this.id
  node_locations     = var.gpu_pool.zones
  initial_node_count = 0

  # All zones together, so that the maximum is the quota that Kueue is given.
  autoscaling {
    total_min_node_count = 0
    total_max_node_count = var.gpu_pool.max
    location_policy      = "ANY"
  }

  management {
    auto_repair  = true
    auto_upgrade = true
  }

  # A surge node would need a GPU beyond the quota.
  upgrade_settings {
    max_surge       = 0
    max_unavailable = 1
  }

  node_config {
    machine_type    = var.gpu_pool.machine_type
    disk_size_gb    = var.gpu_pool.disk_gb
    disk_type       = "pd-balanced"
    image_type      = "COS_CONTAINERD"
    service_account = google_service_account.nodes.email
    oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]
    spot            = var.gpu_pool.spot
    labels          = { "tollgate.dev/pool" = "gpu" }
    metadata        = { "disable-legacy-endpoints" = "true" }

    guest_accelerator {
      type  = var.gpu_pool.accelerator
      count = var.gpu_pool.per_node

      gpu_driver_installation_config {
        gpu_driver_version = var.gpu_pool.driver
      }
    }

    # GKE adds it by itself, but not to a pool that has no node yet.
    taint {
      key    = "nvidia.com/gpu"
      value  = "present"
      effect = "NO_SCHEDULE"
    }

    workload_metadata_config {
      mode = "GKE_METADATA"
    }

    # Image streaming: a pod starts before all of a model's layers are here.
    gcfs_config {
      enabled = true
    }

    shielded_instance_config {
      enable_secure_boot          = false # the driver's modules are loaded after boot
      enable_integrity_monitoring = true
    }
  }

  lifecycle {
    ignore_changes = [initial_node_count]
  }
}
