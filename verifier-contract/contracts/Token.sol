// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title OpenZeppelin's ERC-20 token as its npm package publishes it, with a name and a symbol
/// @notice It mints nothing: genesis places its runtime code on L2 and lays name, symbol, supply and balances out as storage.
contract Token is ERC20 {
    constructor(string memory name_, string memory symbol_) ERC20(name_, symbol_) {}
}
