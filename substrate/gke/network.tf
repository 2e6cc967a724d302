resource "google_compute_network" "this" {
  name                    = var.name
  project                 = var.project
  auto_create_subnetworks = false
  routing_mode            = "REGIONAL"

  depends_on = [google_project_service.this]
}

resource "google_compute_subnetwork" "nodes" {
  name                     = "${var.name}-nodes"
  project                  = var.project
  region                   = var.region
  network                  = google_compute_network.this.id
  ip_cidr_range            = var.network.nodes
  private_ip_google_access = true

  secondary_ip_range {
    range_name    = "pods"
    ip_cidr_range = var.network.pods
  }

  secondary_ip_range {
    range_name    = "services"
    ip_cidr_range = var.network.services
  }
}

# Nodes have no public address: what they fetch from outside leaves through here.
resource "google_compute_router" "this" {
  name    = var.name
  project = var.project
  region  = var.region
  network = google_compute_network.this.id
}

resource "google_compute_router_nat" "this" {
  name                               = var.name
  project                            = var.project
  region                             = var.region
  router                             = google_compute_router.this.name
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "LIST_OF_SUBNETWORKS"

  subnetwork {
    name                    = google_compute_subnetwork.nodes.id
    source_ip_ranges_to_nat = ["ALL_IP_RANGES"]
  }

  log_config {
    enable = true
    filter = "ERRORS_ONLY"
  }
}

locals {
  webhooks      = var.webhook_ports != null ? var.webhook_ports : jsondecode(file("${path.module}/../webhook-ports.json"))
  webhook_ports = [for port in sort(distinct([for w in local.webhooks : format("%05d", w.port)])) : tostring(tonumber(port))]
}

# GKE opens only 443 and 10250 from the control plane to the nodes. A webhook on another port would
# time out, and with it every change that it is asked about.
resource "google_compute_firewall" "webhooks" {
  name        = "${var.name}-webhooks"
  project     = var.project
  network     = google_compute_network.this.id
  description = "From the control plane to the ports in substrate/webhook-ports.json"
  direction   = "INGRESS"

  source_ranges           = [var.network.control_plane]
  target_service_accounts = [google_service_account.nodes.email]

  allow {
    protocol = "tcp"
    ports    = local.webhook_ports
  }
}

# The edge's one public address. It outlives the cluster, and so does what DNS says.
resource "google_compute_address" "edge" {
  name         = "${var.name}-edge"
  project      = var.project
  region       = var.region
  address_type = "EXTERNAL"
  labels       = local.labels

  depends_on = [google_project_service.this]
}
