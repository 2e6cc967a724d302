# Three servers and one machine with GPUs. Copy it to clusters/NAME.tfvars.
name = "on-prem"
nodes = [
  { name = "server-1", address = "192.168.1.11", ssh = "ubuntu@192.168.1.11", role = "server" },
  { name = "server-2", address = "192.168.1.12", ssh = "ubuntu@192.168.1.12", role = "server" },
  { name = "server-3", address = "192.168.1.13", ssh = "ubuntu@192.168.1.13", role = "server" },
  { name = "gpu-1", address = "192.168.1.21", ssh = "ubuntu@192.168.1.21", gpu = true },
]
