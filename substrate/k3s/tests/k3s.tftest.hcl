variables {
  name = "on-prem"
  nodes = [
    { name = "server-1", address = "192.168.1.11", ssh = "ubuntu@192.168.1.11", role = "server" },
    { name = "server-2", address = "192.168.1.12", role = "server" },
    { name = "server-3", address = "192.168.1.13", role = "server" },
    { name = "gpu-1", address = "192.168.1.21", gpu = true },
  ]
}

run "files" {
  command = plan

  assert {
    condition     = yamldecode(output.files["server-1/config.yaml"]).cluster-init && !can(yamldecode(output.files["server-1/config.yaml"]).server)
    error_message = "files[server-1/config.yaml].cluster-init: the first server begins the cluster"
  }
  assert {
    condition = alltrue([for name in ["server-2", "server-3", "gpu-1"] :
      yamldecode(output.files["${name}/config.yaml"]).server == "https://192.168.1.11:6443" && !can(yamldecode(output.files["${name}/config.yaml"]).cluster-init)
    ])
    error_message = "files[*/config.yaml].server: the others join the first"
  }
  assert {
    condition     = alltrue([for name in ["server-1", "server-2", "server-3"] : yamldecode(output.files["${name}/config.yaml"]).disable == ["traefik", "servicelb"] && yamldecode(output.files["${name}/config.yaml"]).secrets-encryption])
    error_message = "files[server-*/config.yaml]: traefik and servicelb are off, secrets are encrypted at rest"
  }
  assert {
    condition     = yamldecode(output.files["gpu-1/config.yaml"]).node-taint == ["nvidia.com/gpu=present:NoSchedule"] && contains(yamldecode(output.files["gpu-1/config.yaml"]).node-label, "tollgate.dev/pool=gpu")
    error_message = "files[gpu-1/config.yaml]: label and taint of a GPU node"
  }
  assert {
    condition     = !can(yamldecode(output.files["gpu-1/config.yaml"]).secrets-encryption) && yamldecode(output.files["gpu-1/config.yaml"]).token-file == "/etc/rancher/k3s/agent-token"
    error_message = "files[gpu-1/config.yaml]: an agent has no server's options, and the agents' token"
  }
  assert {
    condition     = yamldecode(output.files["server-2/pod-security.yaml"]).plugins[0].configuration.defaults.enforce == "restricted"
    error_message = "files[server-2/pod-security.yaml].enforce: restricted by default"
  }
  assert {
    condition     = !can(regex("(?i)K3S_TOKEN|token: ", join("", values(output.files))))
    error_message = "files: no token is in them"
  }
  assert {
    condition     = output.edge_address == "192.168.1.11" && output.gpu_nodes == ["gpu-1"] && output.edge_on_gpu_nodes == null
    error_message = "edge_address, gpu_nodes, edge_on_gpu_nodes"
  }
}

run "one_machine_with_a_gpu" {
  command = plan
  variables {
    nodes = [{ name = "box", address = "10.0.0.5", role = "server", gpu = true }]
  }

  assert {
    condition     = yamldecode(output.files["box/config.yaml"]).node-taint == []
    error_message = "files[box/config.yaml].node-taint: a lone machine takes everything"
  }
  assert {
    condition     = output.edge_on_gpu_nodes
    error_message = "edge_on_gpu_nodes: the edge has nowhere else to be"
  }
}

run "refuses_two_servers" {
  command = plan
  variables {
    nodes = [
      { name = "a", address = "10.0.0.1", role = "server" },
      { name = "b", address = "10.0.0.2", role = "server" },
    ]
  }
  expect_failures = [var.nodes]
}

run "refuses_one_name_twice" {
  command = plan
  variables {
    nodes = [
      { name = "a", address = "10.0.0.1", role = "server" },
      { name = "a", address = "10.0.0.2" },
    ]
  }
  expect_failures = [var.nodes]
}

run "refuses_an_address_that_is_none" {
  command = plan
  variables {
    nodes = [{ name = "a", address = "10.0.0.256", role = "server" }]
  }
  expect_failures = [var.nodes]
}

run "refuses_a_command_for_a_target" {
  command = plan
  variables {
    nodes = [{ name = "a", address = "10.0.0.1", role = "server", ssh = "root@x'; reboot; '" }]
  }
  expect_failures = [var.nodes]
}

run "refuses_an_old_k3s" {
  command = plan
  variables {
    k3s_version = "v1.34.9+k3s1"
  }
  expect_failures = [var.k3s_version]
}

run "refuses_a_channel_for_a_version" {
  command = plan
  variables {
    k3s_version = "stable"
  }
  expect_failures = [var.k3s_version]
}
