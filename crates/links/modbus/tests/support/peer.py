"""A pymodbus device, as an independent peer: `peer.py tcp` prints its port, `peer.py rtu PATH` serves a serial line.

Holding register n holds n, input register n holds 1000 + n, coil n is on when n is odd. Units 1 and 3 exist.
Ends when its standard input does.
"""

import asyncio
import sys

from pymodbus import FramerType, ModbusDeviceIdentification
from pymodbus.datastore import ModbusDeviceContext, ModbusSequentialDataBlock, ModbusServerContext
from pymodbus.server import ModbusSerialServer, ModbusTcpServer


def device():
    # The data blocks count from 1 where the protocol counts from 0.
    return ModbusDeviceContext(
        hr=ModbusSequentialDataBlock(1, list(range(500))),
        ir=ModbusSequentialDataBlock(1, [1000 + n for n in range(500)]),
        co=ModbusSequentialDataBlock(1, [n % 2 == 1 for n in range(500)]),
        di=ModbusSequentialDataBlock(1, [n % 2 == 1 for n in range(500)]),
    )


async def main():
    context = ModbusServerContext(devices={1: device(), 3: device()}, single=False)
    identity = ModbusDeviceIdentification(
        info_name={"VendorName": "Acme", "ProductCode": "M1", "MajorMinorRevision": "2.3", "ProductName": "Meter"}
    )
    if sys.argv[1] == "tcp":
        server = ModbusTcpServer(context, identity=identity, address=("127.0.0.1", 0))
        await server.serve_forever(background=True)
        print(server.transport.sockets[0].getsockname()[1], flush=True)
    else:
        server = ModbusSerialServer(
            context, identity=identity, framer=FramerType.RTU, port=sys.argv[2], baudrate=115200
        )
        await server.serve_forever(background=True)
        print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
