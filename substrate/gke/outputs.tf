# What `make config` carries into manifests/clusters/NAME/config.yaml: names and numbers, never a
# secret. The table is in scripts/config-from-outputs.

output "project" {
  value = var.project
}

output "region" {
  value = var.region
}

output "location" {
  description = "Region or zone of the control plane."
  value       = google_container_cluster.this.location
}

output "cluster_name" {
  value = google_container_cluster.this.name
}

output "registry" {
  description = "Where images are pushed to and pulled from."
  value       = "${google_artifact_registry_repository.this.location}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.this.repository_id}"
}

output "control_plane_cidr" {
  description = "From where the control plane calls webhooks."
  value       = var.network.control_plane
}

output "edge_address" {
  value = google_compute_address.edge.address
}

output "dns_domain" {
  value = try(var.dns.domain, null)
}

output "dns_zone" {
  value = local.zone
}

output "dns_name_servers" {
  description = "What the parent zone has to delegate to, where the zone was created here."
  value       = try(google_dns_managed_zone.this[0].name_servers, [])
}

output "secret_prefix" {
  description = "The beginning of every secret's name in Secret Manager."
  value       = "${var.name}-"
}

output "backup_bucket" {
  value = module.backup_bucket.bucket.name
}

output "gpu_accelerator" {
  value = var.gpu_pool.accelerator
}

output "gpu_quota" {
  description = "GPUs that there can be at once: Kueue's quota, `max` of the kind in gpu.kinds that these nodes are."
  value       = var.gpu_pool.max * var.gpu_pool.per_node
}

output "gpu_node_labels" {
  description = "By which a kind in gpu.kinds is known to be these nodes'; the accelerator's is GKE's own."
  value = merge(
    google_container_node_pool.gpu.node_config[0].labels,
    { "cloud.google.com/gke-accelerator" = var.gpu_pool.accelerator },
  )
}

output "gpu_spot" {
  value = var.gpu_pool.spot
}

output "webhook_ports" {
  value = local.webhook_ports
}
