"""`python -m channels.simulators.woocommerce`: the store without Django."""

from channels.simulators.woocommerce.command_line import main

if __name__ == "__main__":
    main()
